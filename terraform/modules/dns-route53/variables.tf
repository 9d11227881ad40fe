variable "fleet" {
  description = "Name of the fleet; tag of the zone."
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

variable "domain" {
  description = "Name of the zone, such as demo.example.org."
  type        = string
}

variable "hosts" {
  description = "Hosts inside the zone that the fleet's own nameservers answer for."
  type        = list(string)
}

variable "nameservers" {
  description = "Cluster to the IPv4 address of its nameserver."
  type        = map(string)
}
