variable "fleet" {
  description = "Name of the fleet; label of everything made here that can carry one."
  type        = string
}

variable "cluster" {
  description = "Name of the cluster inside the fleet."
  type        = string
}

variable "project" {
  description = "The only project that may be used."
  type        = string
}

variable "region" {
  description = "Region, such as australia-southeast1."
  type        = string
}

variable "zones" {
  description = "Zones of the nodes."
  type        = list(string)
}

variable "kubernetes_version" {
  description = "Kubernetes minor version, such as 1.36."
  type        = string
}

variable "node_size" {
  description = "Machine type of the nodes."
  type        = string
}

variable "nodes_min" {
  description = "Fewest nodes over all zones."
  type        = number
}

variable "nodes_max" {
  description = "Most nodes over all zones."
  type        = number
}

variable "node_cidr" {
  description = "Range of the network, /16 to /20."
  type        = string
}

variable "pod_cidr" {
  description = "Range of the pods."
  type        = string
}

variable "service_cidr" {
  description = "Range of the Services inside the cluster."
  type        = string
}

variable "admins" {
  description = "IAM members with full rights, such as user:ana@example.org; empty: who has them in the project."
  type        = list(string)
  default     = []
}
