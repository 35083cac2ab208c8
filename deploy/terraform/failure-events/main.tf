# The queue of failure events and the bus that fills it: the twin of deploy/aws/failure-events.yaml.

resource "aws_cloudwatch_event_bus" "bot" {
  name = var.name
}

resource "aws_cloudwatch_event_bus_policy" "organisation" {
  event_bus_name = aws_cloudwatch_event_bus.bot.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "organisation"
      Effect    = "Allow"
      Principal = "*"
      Action    = "events:PutEvents"
      Resource  = aws_cloudwatch_event_bus.bot.arn
      Condition = { StringEquals = { "aws:PrincipalOrgID" = var.organisation_id } }
    }]
  })
}

# What the worker cannot take after many attempts waits here for people, for two weeks.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-failures-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "failures" {
  name                       = "${var.name}-failures"
  message_retention_seconds  = 345600
  visibility_timeout_seconds = 120
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 20
  })
}

resource "aws_sqs_queue_policy" "from_the_rules" {
  queue_url = aws_sqs_queue.failures.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "FromTheRules"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.failures.arn
      Condition = {
        ArnEquals = {
          "aws:SourceArn" = [
            aws_cloudwatch_event_rule.from_the_bus.arn,
            aws_cloudwatch_event_rule.from_here.arn,
          ]
        }
      }
    }]
  })
}

resource "aws_cloudwatch_event_rule" "from_the_bus" {
  name           = "${var.name}-failures"
  description    = "Ends of executions that other accounts and regions send."
  event_bus_name = aws_cloudwatch_event_bus.bot.name
  event_pattern  = file("${path.module}/pattern.json")
}

resource "aws_cloudwatch_event_target" "from_the_bus" {
  rule           = aws_cloudwatch_event_rule.from_the_bus.name
  event_bus_name = aws_cloudwatch_event_bus.bot.name
  arn            = aws_sqs_queue.failures.arn
}

resource "aws_cloudwatch_event_rule" "from_here" {
  name          = "${var.name}-failures-here"
  description   = "Ends of executions of this account and region."
  event_pattern = file("${path.module}/pattern.json")
}

resource "aws_cloudwatch_event_target" "from_here" {
  rule = aws_cloudwatch_event_rule.from_here.name
  arn  = aws_sqs_queue.failures.arn
}

output "queue_url" {
  description = "incidents.queue in the bot's configuration."
  value       = aws_sqs_queue.failures.id
}

output "queue_arn" {
  description = "queue_arn of the module worker-role."
  value       = aws_sqs_queue.failures.arn
}

output "bus_arn" {
  description = "bus_arn of the module failure-events-member."
  value       = aws_cloudwatch_event_bus.bot.arn
}
