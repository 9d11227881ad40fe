output "cluster" {
  description = "All that the other rooms need; the same fields for the three clouds."
  value = {
    name       = azurerm_kubernetes_cluster.this.name
    endpoint   = "https://${azurerm_kubernetes_cluster.this.fqdn}:443"
    ca         = nonsensitive(azurerm_kubernetes_cluster.this.kube_config[0].cluster_ca_certificate)
    issuer     = azurerm_kubernetes_cluster.this.oidc_issuer_url
    network    = azurerm_virtual_network.this.id
    node_group = azurerm_kubernetes_cluster.this.node_resource_group
    auth       = { kind = "aks", name = azurerm_kubernetes_cluster.this.name, tenant = var.tenant, subscription = var.subscription }
    nameserver = { ip = azurerm_public_ip.nameserver.ip_address, ref = azurerm_public_ip.nameserver.name }
  }
}
