# The role that the bot's worker runs under: the twin of deploy/aws/worker-role.yaml.

data "aws_partition" "current" {}

resource "aws_iam_role" "worker" {
  name        = var.role_name
  description = "The worker of the pipeline-access bot."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = var.trusted_service }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
    }]
  })
}

resource "aws_iam_role_policy" "enter_accounts" {
  name = "enter-accounts"
  role = aws_iam_role.worker.id
  policy = templatefile("${path.module}/policy.json", {
    partition              = data.aws_partition.current.partition
    organisation_id        = var.organisation_id
    read_role_name         = var.read_role_name
    organisation_role_name = var.organisation_role_name
    fix_role_name          = var.fix_role_name
  })
}

resource "aws_iam_role_policy" "receive_failures" {
  count = var.queue_arn == null ? 0 : 1
  name  = "receive-failures"
  role  = aws_iam_role.worker.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["sqs:DeleteMessage", "sqs:ReceiveMessage"]
      Resource = var.queue_arn
    }]
  })
}

resource "aws_iam_role_policy" "keep_audit_objects" {
  count = var.audit_bucket_arn == null ? 0 : 1
  name  = "keep-audit-objects"
  role  = aws_iam_role.worker.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:PutObjectRetention"]
      Resource = "${var.audit_bucket_arn}/*"
    }]
  })
}

resource "aws_iam_role_policy" "keep_audit_log" {
  count = var.audit_log_group_arn == null ? 0 : 1
  name  = "keep-audit-log"
  role  = aws_iam_role.worker.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:GetLogEvents", "logs:PutLogEvents"]
      Resource = "${var.audit_log_group_arn}:log-stream:audit-trail"
    }]
  })
}

output "role_arn" {
  description = "worker_role_arn of the other modules."
  value       = aws_iam_role.worker.arn
}
