terraform {
  required_version = ">= 1.10"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.28, < 7"
    }
  }
}

provider "aws" {
  region              = var.region
  profile             = var.profile
  allowed_account_ids = [var.account]
  default_tags {
    tags = {
      tradewind-fleet   = var.fleet
      tradewind-cluster = var.cluster
    }
  }
}
