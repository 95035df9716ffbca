"""ACM: certificates that issue by themselves after a while, and those that are in use."""

from typing import Any

from moto.acm.models import CertBundle

from ..call import Answer, AwsError, Call, backend_of, operation
from ..world import store, timeline

# moto issues a certificate when it is looked at; here the timeline does.
CertBundle.check = lambda self: None

# (account, region, token, domain) → certificate
tokens: dict[tuple[str, str, str, str], str] = store()


@operation("acm", "RequestCertificate")
def request_certificate(call: Call) -> dict[str, Any]:
    params, backend = call.params, call.backend()
    key = (*call.here, params.get("IdempotencyToken", ""), params["DomainName"])
    if key[2] and tokens.get(key) in backend._certificates:
        return {"CertificateArn": tokens[key]}
    result = call.moto()
    certificate = backend._certificates[result["CertificateArn"]]
    tokens[key] = certificate.arn
    certificate.status = "PENDING_VALIDATION"

    def issued() -> None:
        certificate.status = "ISSUED"

    timeline.after("acm.certificate.issued", f"certificate of {params['DomainName']} issued", issued)
    return result


@operation("acm", "DeleteCertificate")
def delete_certificate(call: Call) -> Answer:
    arn = call.params["CertificateArn"]
    domains = backend_of("apigatewayv2", call.account, call.region).domain_names.values()
    in_use = any(
        configuration.get("certificateArn") == arn
        for domain in domains
        for configuration in domain.domain_name_configurations
    )
    if in_use:
        raise AwsError("ResourceInUseException", f"Certificate {arn} is in use", 400)
    return call.forward()
