output "cluster" {
  description = "All that the other rooms need; the same fields for the three clouds."
  value = {
    name       = aws_eks_cluster.this.name
    endpoint   = aws_eks_cluster.this.endpoint
    ca         = nonsensitive(aws_eks_cluster.this.certificate_authority[0].data)
    issuer     = aws_eks_cluster.this.identity[0].oidc[0].issuer
    network    = aws_vpc.this.id
    node_group = aws_eks_node_group.this.node_group_name
    auth       = { kind = "eks", name = aws_eks_cluster.this.name, region = var.region, account = var.account, profile = var.profile }
    nameserver = { ip = aws_eip.nameserver.public_ip, ref = aws_eip.nameserver.allocation_id }
  }
}
