terraform {
  required_version = ">= 1.10"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 7"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region
  default_labels = {
    tradewind-fleet   = var.fleet
    tradewind-cluster = var.cluster
  }
}
