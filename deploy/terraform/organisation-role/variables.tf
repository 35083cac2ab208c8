variable "worker_role_arn" {
  description = "ARN of the role (or user) that the bot's worker runs under."
  type        = string
}

variable "external_id" {
  description = "The external_id of the bot's configuration."
  type        = string
}

variable "role_name" {
  description = "Name of the role; organisation.read_role in the bot's configuration."
  type        = string
  default     = "pipeline-access-organisation"
}
