variable "worker_role_arn" {
  description = "ARN of the role (or user) that the bot's worker runs under."
  type        = string
}

variable "external_id" {
  description = "The external_id of the bot's configuration."
  type        = string
}

variable "role_name" {
  description = "Name of the role; fix_role in the bot's configuration."
  type        = string
  default     = "pipeline-access-fix"
}

variable "permissions_boundary_arn" {
  description = "Optional boundary, such as one that names the only resources a fix may change."
  type        = string
  default     = null
}
