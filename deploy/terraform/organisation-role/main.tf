# The role under which the bot reads the organisation's policies: the twin of
# deploy/aws/organisation-role.yaml, for the management or a delegated administrator account.
# policy.json has what the bot's code calls and nothing else; a test holds them together.

resource "aws_iam_role" "organisation" {
  name                 = var.role_name
  description          = "Read by the pipeline-access bot to know the organisation's policies."
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "WorkerWithExternalId"
      Effect    = "Allow"
      Principal = { AWS = var.worker_role_arn }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = var.external_id } }
    }]
  })
}

resource "aws_iam_role_policy" "organisation" {
  name   = "read"
  role   = aws_iam_role.organisation.id
  policy = file("${path.module}/policy.json")
}

output "role_arn" {
  description = "The role that the worker assumes to read the organisation's policies."
  value       = aws_iam_role.organisation.arn
}
