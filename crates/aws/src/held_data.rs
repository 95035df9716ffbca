//! The types whose resources hold data that nothing makes again once they are deleted or replaced.
//!
//! What only passes through, or is kept for a while by design, is none of it: logs, queues, streams, caches.

use std::borrow::Cow;

use infra_core::HoldsData;

/// A type, what is gone with it, and AWS's word for that.
struct Row {
    type_name: &'static str,
    data: HoldsData,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "for whoever reads the table, and its test")
    )]
    source: &'static str,
}

const fn row(type_name: &'static str, what: &'static str, source: &'static str) -> Row {
    Row {
        type_name,
        data: HoldsData {
            what: Cow::Borrowed(what),
            allowed_by: None,
        },
        source,
    }
}

/// By the type's name, in alphabetical order.
const TABLE: &[Row] = &[
    row(
        "acmpca.certificate_authority",
        "keys",
        "https://docs.aws.amazon.com/privateca/latest/APIReference/API_DeleteCertificateAuthority.html",
    ),
    row(
        "backup.backup_vault",
        "recovery points",
        "https://docs.aws.amazon.com/aws-backup/latest/devguide/API_DeleteBackupVault.html",
    ),
    row(
        "cassandra.keyspace",
        "rows",
        "https://docs.aws.amazon.com/keyspaces/latest/APIReference/API_DeleteKeyspace.html",
    ),
    row(
        "cassandra.table",
        "rows",
        "https://docs.aws.amazon.com/keyspaces/latest/APIReference/API_DeleteTable.html",
    ),
    row(
        "codeartifact.repository",
        "packages",
        "https://docs.aws.amazon.com/codeartifact/latest/APIReference/API_DeleteRepository.html",
    ),
    row(
        "codecommit.repository",
        "commits",
        "https://docs.aws.amazon.com/codecommit/latest/APIReference/API_DeleteRepository.html",
    ),
    row(
        "cognito.user_pool",
        "users",
        "https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_DeleteUserPool.html",
    ),
    row(
        "docdb.db_cluster",
        "databases",
        "https://docs.aws.amazon.com/documentdb/latest/developerguide/API_DeleteDBCluster.html",
    ),
    row(
        "dsql.cluster",
        "databases",
        "https://docs.aws.amazon.com/aurora-dsql/latest/APIReference/API_DeleteCluster.html",
    ),
    row(
        "dynamodb.global_table",
        "items",
        "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html",
    ),
    row(
        "dynamodb.table",
        "items",
        "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html",
    ),
    row(
        "ec2.volume",
        "blocks",
        "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVolume.html",
    ),
    row(
        "ecr.public_repository",
        "images",
        "https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_DeleteRepository.html",
    ),
    Row {
        type_name: "ecr.repository",
        data: HoldsData {
            what: Cow::Borrowed("images"),
            allowed_by: Some(Cow::Borrowed("force_delete")),
        },
        source: "https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DeleteRepository.html",
    },
    row(
        "efs.file_system",
        "files",
        "https://docs.aws.amazon.com/efs/latest/ug/API_DeleteFileSystem.html",
    ),
    row(
        "elasticsearch.domain",
        "indexes",
        "https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DeleteDomain.html",
    ),
    row(
        "fsx.file_system",
        "files",
        "https://docs.aws.amazon.com/fsx/latest/APIReference/API_DeleteFileSystem.html",
    ),
    row(
        "fsx.volume",
        "files",
        "https://docs.aws.amazon.com/fsx/latest/APIReference/API_DeleteVolume.html",
    ),
    row(
        "kms.key",
        "key material",
        "https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html",
    ),
    row(
        "memorydb.cluster",
        "keys",
        "https://docs.aws.amazon.com/memorydb/latest/APIReference/API_DeleteCluster.html",
    ),
    row(
        "neptune.db_cluster",
        "databases",
        "https://docs.aws.amazon.com/neptune/latest/apiref/API_DeleteDBCluster.html",
    ),
    row(
        "opensearchservice.domain",
        "indexes",
        "https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DeleteDomain.html",
    ),
    row(
        "rds.db_cluster",
        "databases",
        "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBCluster.html",
    ),
    row(
        "rds.db_instance",
        "databases",
        "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html",
    ),
    row(
        "redshift.cluster",
        "databases",
        "https://docs.aws.amazon.com/redshift/latest/APIReference/API_DeleteCluster.html",
    ),
    row(
        "redshiftserverless.namespace",
        "databases",
        "https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_DeleteNamespace.html",
    ),
    row(
        "s3.bucket",
        "objects",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html",
    ),
    row(
        "s3express.directory_bucket",
        "objects",
        "https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html",
    ),
    row(
        "secretsmanager.secret",
        "values",
        "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html",
    ),
];

/// What resources of the type hold; `None`: nothing that is not made again.
pub(crate) const fn held_by(type_name: &str) -> Option<&'static HoldsData> {
    let mut position = 0;
    while position < TABLE.len() {
        if is_same(TABLE[position].type_name, type_name) {
            return Some(&TABLE[position].data);
        }
        position += 1;
    }
    None
}

/// `==` of texts is no constant function.
const fn is_same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    let mut position = 0;
    while position < left.len() {
        if left[position] != right[position] {
            return false;
        }
        position += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use infra_core::{AttributeKind, Catalogue};

    use super::*;
    use crate::catalogue::AwsCatalogue;

    #[test]
    fn the_table_is_in_order_and_each_row_names_its_source() {
        assert!(TABLE.is_sorted_by(|left, right| left.type_name < right.type_name));
        for row in TABLE {
            assert!(
                row.source.starts_with("https://docs.aws.amazon.com/"),
                "{}",
                row.source
            );
            assert!(row.source.contains("/API_"), "{}", row.source);
        }
    }

    /// A type that is in the table and does not say so would lose its data without a word.
    #[test]
    fn every_type_holds_what_the_table_says() {
        let mut held = Vec::new();
        for name in AwsCatalogue.names() {
            let schema = AwsCatalogue.definition(&name).unwrap().schema();
            let text = name.to_string();
            assert_eq!(schema.holds_data.as_ref(), held_by(&text), "{name}");
            let Some(data) = &schema.holds_data else { continue };
            held.push(text);
            if let Some(attribute) = &data.allowed_by {
                let attribute = schema.attributes.get(attribute.as_ref());
                assert_eq!(attribute.map(|found| &found.kind), Some(&AttributeKind::Bool));
            }
        }
        assert_eq!(held, ["ecr.repository"]);
    }
}
