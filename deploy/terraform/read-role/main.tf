# The role under which the bot reads this account: the twin of deploy/aws/read-role.yaml.
# policy.json has what the bot's code calls and nothing else; a test holds them together.

resource "aws_iam_role" "read" {
  name                 = var.role_name
  description          = "Read by the pipeline-access bot to explain denied pipelines."
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

resource "aws_iam_role_policy" "read" {
  name   = "read"
  role   = aws_iam_role.read.id
  policy = file("${path.module}/policy.json")
}

output "role_arn" {
  description = "The role that the worker assumes in this account."
  value       = aws_iam_role.read.arn
}
