variable "organisation_id" {
  description = "Id of the organisation whose accounts may send events."
  type        = string
}

variable "name" {
  description = "Name of the bus, and beginning of the queues' names."
  type        = string
  default     = "pipeline-access"
}
