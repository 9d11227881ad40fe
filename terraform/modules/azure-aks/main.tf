# One AKS cluster with an autoscaling pool in its own resource group and network.

locals {
  name   = "${var.fleet}-${var.cluster}"
  tags   = { tradewind-fleet = var.fleet, tradewind-cluster = var.cluster }
  zones  = [for z in var.zones : z if can(tonumber(z))]
  admins = toset(length(var.admins) > 0 ? var.admins : [data.azurerm_client_config.this.object_id])
}

data "azurerm_client_config" "this" {}

resource "azurerm_resource_group" "this" {
  name     = local.name
  location = var.region
  tags     = local.tags
}

resource "azurerm_virtual_network" "this" {
  name                = local.name
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  address_space       = [var.node_cidr]
  tags                = local.tags
}

resource "azurerm_subnet" "nodes" {
  name                 = "nodes"
  resource_group_name  = azurerm_resource_group.this.name
  virtual_network_name = azurerm_virtual_network.this.name
  address_prefixes     = [cidrsubnet(var.node_cidr, 4, 0)]
}

# The cluster's own identity, with its right on the network granted before the cluster exists.
resource "azurerm_user_assigned_identity" "cluster" {
  name                = "${local.name}-cluster"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_resource_group.this.name
  tags                = local.tags
}

resource "azurerm_role_assignment" "network" {
  scope                = azurerm_virtual_network.this.id
  role_definition_name = "Network Contributor"
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
}

resource "azurerm_kubernetes_cluster" "this" {
  name                      = local.name
  location                  = azurerm_resource_group.this.location
  resource_group_name       = azurerm_resource_group.this.name
  dns_prefix                = local.name
  kubernetes_version        = var.kubernetes_version
  sku_tier                  = "Standard"
  oidc_issuer_enabled       = true
  workload_identity_enabled = true
  local_account_disabled    = true
  tags                      = local.tags
  azure_active_directory_role_based_access_control {
    azure_rbac_enabled = true
    tenant_id          = var.tenant
  }
  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }
  default_node_pool {
    name                        = "system"
    vm_size                     = var.node_size
    vnet_subnet_id              = azurerm_subnet.nodes.id
    zones                       = length(local.zones) > 0 ? local.zones : null
    auto_scaling_enabled        = true
    min_count                   = var.nodes_min
    max_count                   = var.nodes_max
    temporary_name_for_rotation = "rotation"
    upgrade_settings {
      max_surge = "33%"
    }
  }
  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    load_balancer_sku   = "standard"
    pod_cidr            = var.pod_cidr
    service_cidr        = var.service_cidr
    dns_service_ip      = cidrhost(var.service_cidr, 10)
  }
  lifecycle {
    ignore_changes = [default_node_pool[0].node_count]
  }
  timeouts {
    create = "45m"
  }
  depends_on = [azurerm_role_assignment.network]
}

resource "azurerm_role_assignment" "admin" {
  for_each             = local.admins
  scope                = azurerm_kubernetes_cluster.this.id
  role_definition_name = "Azure Kubernetes Service RBAC Cluster Admin"
  principal_id         = each.key
}

# The address of the cluster's nameserver, in the group where the cluster's load balancers live.
resource "azurerm_public_ip" "nameserver" {
  name                = "${local.name}-nameserver"
  location            = azurerm_resource_group.this.location
  resource_group_name = azurerm_kubernetes_cluster.this.node_resource_group
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = local.tags
}
