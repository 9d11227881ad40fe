variable "fleet" {
  description = "Name of the fleet; tag of everything made here."
  type        = string
}

variable "cluster" {
  description = "Name of the cluster inside the fleet."
  type        = string
}

variable "account" {
  description = "Twelve digits of the only account that may be used."
  type        = string
}

variable "profile" {
  description = "Profile of the AWS configuration files; null takes the environment's credentials."
  type        = string
  default     = null
}

variable "region" {
  description = "Region, such as sa-east-1."
  type        = string
}

variable "zones" {
  description = "Two to six availability zones for the nodes."
  type        = list(string)
}

variable "kubernetes_version" {
  description = "Kubernetes minor version, such as 1.36."
  type        = string
}

variable "node_size" {
  description = "Instance type of the nodes."
  type        = string
}

variable "nodes_min" {
  description = "Fewest nodes."
  type        = number
}

variable "nodes_max" {
  description = "Most nodes."
  type        = number
}

variable "node_cidr" {
  description = "Range of the network, /16 to /20. Pods take their addresses from it as well (VPC CNI)."
  type        = string
}

variable "service_cidr" {
  description = "Range of the Services inside the cluster."
  type        = string
}

variable "admins" {
  description = "ARNs of the IAM principals with full rights; empty: the one that runs terraform."
  type        = list(string)
  default     = []
}
