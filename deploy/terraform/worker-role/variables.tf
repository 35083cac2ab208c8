variable "trusted_service" {
  description = "The service that runs the worker, such as ecs-tasks.amazonaws.com."
  type        = string
  default     = "ecs-tasks.amazonaws.com"
}

variable "organisation_id" {
  description = "Id of the organisation whose accounts the worker may enter."
  type        = string
}

variable "role_name" {
  description = "Name of the role."
  type        = string
  default     = "pipeline-access-worker"
}

variable "read_role_name" {
  type    = string
  default = "pipeline-access-read"
}

variable "organisation_role_name" {
  type    = string
  default = "pipeline-access-organisation"
}

variable "fix_role_name" {
  type    = string
  default = "pipeline-access-fix"
}

variable "queue_arn" {
  description = "Optional queue of failure events."
  type        = string
  default     = null
}

variable "audit_bucket_arn" {
  description = "Optional bucket that keeps a copy of the audit trail."
  type        = string
  default     = null
}

variable "audit_log_group_arn" {
  description = "Optional log group that keeps a copy of the audit trail, without :* at its end."
  type        = string
  default     = null
}
