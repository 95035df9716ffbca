"""KMS: keys that are disabled or on their way out give nothing.

https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
"""

import base64

from ..call import Answer, AwsError, Call, operation

# The ciphertexts of moto begin with the id of their key.
KEY_ID_LENGTH = 36


@operation("kms", "GenerateDataKey")
def generate_data_key(call: Call) -> Answer:
    refuse_unusable(call, call.params["KeyId"])
    return call.forward()


@operation("kms", "Decrypt")
def decrypt(call: Call) -> Answer:
    blob = call.params["CiphertextBlob"]
    ciphertext = blob if isinstance(blob, bytes) else base64.b64decode(blob)
    refuse_unusable(call, call.params.get("KeyId") or ciphertext[:KEY_ID_LENGTH].decode("utf-8", "replace"))
    return call.forward()


def refuse_unusable(call: Call, named: str) -> None:
    """What is not there is moto's to refuse."""
    backend = call.backend()
    name = backend.get_alias_name(named)
    id = backend.get_key_id_from_alias(name) if name.startswith("alias/") else backend.get_key_id(name)
    key = backend.keys.get(id)
    if key is None:
        return
    if key.key_state == "Disabled":
        raise AwsError("DisabledException", f"{key.arn} is disabled.", 400)
    if key.key_state != "Enabled":
        state = "pending deletion" if key.key_state == "PendingDeletion" else key.key_state
        raise AwsError("KMSInvalidStateException", f"{key.arn} is {state}.", 400)
