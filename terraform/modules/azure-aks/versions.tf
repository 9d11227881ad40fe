terraform {
  required_version = ">= 1.10"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.48, < 5"
    }
  }
}

provider "azurerm" {
  subscription_id = var.subscription
  tenant_id       = var.tenant
  features {
    # Load balancers that AKS left behind must not block the destruction of their own group.
    resource_group {
      prevent_deletion_if_contains_resources = false
    }
  }
}
