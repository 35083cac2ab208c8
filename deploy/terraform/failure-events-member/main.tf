# Sends the ends of executions to the bot's bus: the twin of deploy/aws/failure-events-member.yaml.
# For every account and region with pipelines, but not where the module failure-events is.

data "aws_caller_identity" "current" {}

resource "aws_iam_role" "sender" {
  name_prefix = "pipeline-access-events-"
  description = "Lets EventBridge send the ends of executions to the pipeline-access bot."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })
}

resource "aws_iam_role_policy" "send" {
  name = "send"
  role = aws_iam_role.sender.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "events:PutEvents"
      Resource = var.bus_arn
    }]
  })
}

resource "aws_cloudwatch_event_rule" "failures" {
  name          = "pipeline-access-failures"
  description   = "Ends of executions, for the pipeline-access bot."
  event_pattern = file("${path.module}/pattern.json")
}

resource "aws_cloudwatch_event_target" "bot" {
  rule     = aws_cloudwatch_event_rule.failures.name
  arn      = var.bus_arn
  role_arn = aws_iam_role.sender.arn
}
