"""Words that both sides of the endpoint use, without importing moto."""

ROOT_KEY = "AKIAROOT"
"""An access key id that starts so belongs to the root user of the account that follows."""

ID_HEADER = "x-demo-id"
"""The id that what is created by this request shall have."""

NO_LOCATION = "-"
"""What a source or artifact of type CODEPIPELINE says for moto, which wants a location."""
