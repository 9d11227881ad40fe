terraform {
  required_version = ">= 1.10"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.28, < 7"
    }
  }
}

# Route 53 is global; its API lives in us-east-1.
provider "aws" {
  region              = "us-east-1"
  profile             = var.profile
  allowed_account_ids = [var.account]
  default_tags {
    tags = {
      tradewind-fleet = var.fleet
    }
  }
}
