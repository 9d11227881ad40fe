variable "fleet" {
  description = "Name of the fleet; tag of everything made here."
  type        = string
}

variable "cluster" {
  description = "Name of the cluster inside the fleet."
  type        = string
}

variable "subscription" {
  description = "The only subscription that may be used."
  type        = string
}

variable "tenant" {
  description = "Entra tenant of the subscription."
  type        = string
}

variable "region" {
  description = "Location, such as canadacentral."
  type        = string
}

variable "zones" {
  description = "Zones of the nodes (\"1\", \"2\", \"3\"); empty or the location's own name: the location has none."
  type        = list(string)
}

variable "kubernetes_version" {
  description = "Kubernetes minor version, such as 1.36."
  type        = string
}

variable "node_size" {
  description = "Size of the nodes, such as Standard_D2s_v5."
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
  description = "Range of the network, /16 to /20."
  type        = string
}

variable "pod_cidr" {
  description = "Range of the pods (overlay)."
  type        = string
}

variable "service_cidr" {
  description = "Range of the Services inside the cluster."
  type        = string
}

variable "admins" {
  description = "Entra object ids with full rights; empty: the one that runs terraform."
  type        = list(string)
  default     = []
}
