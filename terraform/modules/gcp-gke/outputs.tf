output "cluster" {
  description = "All that the other rooms need; the same fields for the three clouds."
  value = {
    name       = google_container_cluster.this.name
    endpoint   = "https://${google_container_cluster.this.endpoint}"
    ca         = nonsensitive(google_container_cluster.this.master_auth[0].cluster_ca_certificate)
    issuer     = "https://container.googleapis.com/v1/${google_container_cluster.this.id}"
    network    = google_compute_network.this.self_link
    node_group = google_container_node_pool.this.name
    auth       = { kind = "gke", name = google_container_cluster.this.name, project = var.project, location = var.region }
    nameserver = { ip = google_compute_address.nameserver.address, ref = google_compute_address.nameserver.name }
  }
}
