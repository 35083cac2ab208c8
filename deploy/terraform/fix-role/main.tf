# The role under which one approved fix at a time is applied: the twin of deploy/aws/fix-role.yaml.
# Its trust policy demands the people's names: a source identity and the request's id as a tag.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_iam_role" "fix" {
  name                 = var.role_name
  description          = "Used by the pipeline-access bot for one approved change at a time."
  max_session_duration = 3600
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "WorkerForNamedPeople"
        Effect    = "Allow"
        Principal = { AWS = var.worker_role_arn }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = { "sts:ExternalId" = var.external_id }
          StringLike = {
            "sts:SourceIdentity"                     = "?*"
            "aws:RequestTag/pipeline-access-request" = "?*"
          }
        }
      },
      {
        Sid       = "NamesOfThePeople"
        Effect    = "Allow"
        Principal = { AWS = var.worker_role_arn }
        Action    = ["sts:SetSourceIdentity", "sts:TagSession"]
      },
    ]
  })
}

resource "aws_iam_role_policy" "fix" {
  name = "fix"
  role = aws_iam_role.fix.id
  policy = templatefile("${path.module}/policy.json", {
    partition = data.aws_partition.current.partition
    account   = data.aws_caller_identity.current.account_id
    role_name = var.role_name
  })
}

output "role_arn" {
  description = "The role that the worker assumes to apply one approved fix."
  value       = aws_iam_role.fix.arn
}
