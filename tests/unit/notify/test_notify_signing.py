"""The string to sign, against the rule of the guide written another way, and signatures verified by a public key."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notify.signing import Signer, Version, string_to_sign

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SIGNER = Signer(KEY, "https://host/SimpleNotificationService-1.pem")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
UNSIGNED = {"UnsubscribeURL", "Signature", "SigningCertURL", "SignatureVersion", "MessageAttributes"}

notifications = st.fixed_dictionaries(
    {"Type": st.just("Notification"), "MessageId": TEXT, "TopicArn": TEXT, "Message": TEXT, "Timestamp": TEXT},
    optional={"Subject": TEXT, "UnsubscribeURL": TEXT, "SignatureVersion": TEXT},
)
confirmations = st.fixed_dictionaries(
    {
        "Type": st.sampled_from(["SubscriptionConfirmation", "UnsubscribeConfirmation"]),
        "MessageId": TEXT,
        "Token": TEXT,
        "TopicArn": TEXT,
        "Message": TEXT,
        "SubscribeURL": TEXT,
        "Timestamp": TEXT,
    }
)


@given(notifications | confirmations)
def test_members_are_signed_in_byte_order(message: dict[str, str]) -> None:
    lines = [line for name in sorted(message.keys() - UNSIGNED) for line in (name, message[name])]
    assert string_to_sign(message).decode() == "".join(f"{line}\n" for line in lines)


@given(notifications | confirmations, st.sampled_from(["1", "2"]))
def test_signatures_verify_and_bind_the_message(message: dict[str, str], version: Version) -> None:
    signed = SIGNER.signed(message, version)
    assert signed["SignatureVersion"] == version
    assert signed["SigningCertURL"] == SIGNER.certificate_url
    algorithm: HashAlgorithm = SHA1() if version == "1" else SHA256()
    signature = base64.b64decode(signed["Signature"])
    verify = KEY.public_key().verify
    verify(signature, string_to_sign(signed), padding.PKCS1v15(), algorithm)
    with pytest.raises(InvalidSignature):
        verify(
            signature, string_to_sign({**signed, "Message": message["Message"] + "."}), padding.PKCS1v15(), algorithm
        )
