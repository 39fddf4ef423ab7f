"""How an account reaches its queues and topics at AWS, or at anything that speaks the same protocols."""

from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator


class AwsAccess(BaseModel):
    """Where and as whom; what is absent, boto3 finds as AWS's tools do (environment, shared files, instance role)."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    endpoint_url: str | None = None
    """Of SQS and SNS alike; None: those of AWS in the region."""
    region: str | None = None
    """Region that requests are signed for; None: that of the ARN."""
    access_key_id: str | None = None
    """Access key."""
    secret_access_key: SecretStr | None = None
    """Secret of that key."""
    session_token: SecretStr | None = None
    """Token of temporary credentials."""
    profile: str | None = None
    """Profile of the shared files, in place of a key."""
    topics: bool = True
    """Whether completions for topics that are not here go to the account's topics there."""

    @field_validator("endpoint_url")
    @classmethod
    def _is_url(cls, url: str | None) -> str | None:
        if url is not None and (urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname):
            raise ValueError(f"{url!r} is not an http or https URL")
        return url

    @model_validator(mode="after")
    def _is_whole(self) -> "AwsAccess":
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("set both access_key_id and secret_access_key, or neither")
        if self.profile is not None and self.access_key_id is not None:
            raise ValueError("set profile or access_key_id, not both")
        return self

    def plain(self) -> dict[str, Any]:
        """What was set, secrets as they are: for the environment of child processes only."""
        values = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: one.get_secret_value() if isinstance(one, SecretStr) else one for name, one in values.items()}
