//! The key of sensitive values where a key of KMS keeps it: KMS makes it once for a stack, and gives it back by its
//! encrypted form, which the state holds.
//!
//! Calls: GenerateDataKey, Decrypt. Neither changes anything at AWS. The stack's identity is their encryption context,
//! which CloudTrail shows and a key policy may ask for (`kms:EncryptionContext:infra:stack`).
//! <https://docs.aws.amazon.com/kms/latest/developerguide/data-keys.html>

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_types::region::Region;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_core::{ErrorClass, KeptKey, ProviderError, SealingKey, StackId};
use infra_provider::{ProviderResult, TAG_STACK};

use crate::clients::Clients;
use crate::errors::{AwsResult, missing};

/// Has a key of KMS make the key of a stack.
///
/// # Errors
/// There is no such key, it may not be used, or AWS cannot be reached.
pub async fn new_sealing_key(
    clients: &Clients,
    kms_key: &str,
    stack: &StackId,
) -> ProviderResult<SealingKey> {
    let answer = client(clients, kms_key)
        .generate_data_key()
        .key_id(kms_key)
        .key_spec(DataKeySpec::Aes256)
        .encryption_context(TAG_STACK, stack.as_str())
        .send()
        .await
        .aws("kms", "GenerateDataKey")
        .map_err(|error| of_key(kms_key, error))?;
    let lacks = |part: &str| missing("kms", "GenerateDataKey", part);
    let plain = answer.plaintext().ok_or_else(|| lacks("key"))?;
    let encrypted = answer
        .ciphertext_blob()
        .ok_or_else(|| lacks("encrypted form of the key"))?;
    let key = SealingKey::from_given(plain.as_ref()).ok_or_else(|| lacks("whole key"))?;
    let kept = KeptKey {
        kms_key: answer.key_id().unwrap_or(kms_key).to_owned(),
        encrypted: STANDARD.encode(encrypted.as_ref()),
        declared: Some(kms_key.to_owned()),
    };
    Ok(key.kept_as(kept))
}

/// Gets a key back from KMS.
///
/// # Errors
/// The key of KMS is gone or may not be used, or AWS cannot be reached.
pub async fn sealing_key(clients: &Clients, kept: &KeptKey, stack: &StackId) -> ProviderResult<SealingKey> {
    let damaged = || {
        let message = format!("the state does not have the key as {} encrypted it", kept.kms_key);
        ProviderError::new(ErrorClass::Invalid, message)
    };
    let encrypted = STANDARD.decode(&kept.encrypted).map_err(|_| damaged())?;
    let answer = client(clients, &kept.kms_key)
        .decrypt()
        .ciphertext_blob(Blob::new(encrypted))
        .key_id(&kept.kms_key)
        .encryption_context(TAG_STACK, stack.as_str())
        .send()
        .await
        .aws("kms", "Decrypt")
        .map_err(|error| of_key(&kept.kms_key, error))?;
    let plain = answer
        .plaintext()
        .ok_or_else(|| missing("kms", "Decrypt", "key"))?;
    let key = SealingKey::from_given(plain.as_ref()).ok_or_else(damaged)?;
    Ok(key.kept_as(kept.clone()))
}

/// KMS in the region of a key that is named by its ARN.
fn client(clients: &Clients, kms_key: &str) -> aws_sdk_kms::Client {
    let region = kms_key.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2));
    match region.filter(|region| *region != clients.region) {
        None => clients.kms.clone(),
        Some(region) => {
            let config = clients.kms.config().to_builder();
            aws_sdk_kms::Client::from_conf(config.region(Region::new(region.to_owned())).build())
        }
    }
}

fn of_key(kms_key: &str, error: ProviderError) -> ProviderError {
    let message = format!(
        "the key of sensitive values cannot be had from {kms_key}: {}",
        error.message
    );
    ProviderError { message, ..error }
}
