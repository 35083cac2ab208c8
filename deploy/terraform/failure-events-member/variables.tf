variable "bus_arn" {
  description = "bus_arn of the module failure-events."
  type        = string
}
