# One regional GKE cluster with private nodes in its own network.

locals {
  name = "${var.fleet}-${var.cluster}"
}

resource "google_project_service" "api" {
  for_each           = toset(["compute.googleapis.com", "container.googleapis.com"])
  service            = each.key
  disable_on_destroy = false
}

resource "google_compute_network" "this" {
  name                    = local.name
  auto_create_subnetworks = false
  # Groups of the load balancers are collected late; the network waits for them.
  timeouts {
    delete = "15m"
  }
  depends_on = [google_project_service.api]
}

resource "google_compute_subnetwork" "this" {
  name                     = local.name
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = var.node_cidr
  private_ip_google_access = true
  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.pod_cidr
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.service_cidr
  }
  timeouts {
    delete = "15m"
  }
}

resource "google_compute_router" "this" {
  name    = local.name
  network = google_compute_network.this.id
  region  = var.region
}

resource "google_compute_router_nat" "this" {
  name                               = local.name
  router                             = google_compute_router.this.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

# The address of the cluster's nameserver; delegations point at it, so it outlives any load balancer.
resource "google_compute_address" "nameserver" {
  name         = "${local.name}-nameserver"
  region       = var.region
  address_type = "EXTERNAL"
  depends_on   = [google_project_service.api]
}

resource "google_service_account" "node" {
  account_id   = "${local.name}-node"
  display_name = "Nodes of ${local.name}"
}

resource "google_project_iam_member" "node" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = google_service_account.node.member
}

resource "google_project_iam_member" "admin" {
  for_each = toset(var.admins)
  project  = var.project
  role     = "roles/container.admin"
  member   = each.key
}

resource "google_container_cluster" "this" {
  name                     = local.name
  location                 = var.region
  node_locations           = var.zones
  network                  = google_compute_network.this.id
  subnetwork               = google_compute_subnetwork.this.id
  min_master_version       = var.kubernetes_version
  networking_mode          = "VPC_NATIVE"
  datapath_provider        = "ADVANCED_DATAPATH"
  deletion_protection      = false
  remove_default_node_pool = true
  initial_node_count       = 1
  # Only for the pool that is removed at once: SSD would need 3 x 100 GB of quota.
  node_config {
    disk_type    = "pd-standard"
    machine_type = var.node_size
  }
  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }
  private_cluster_config {
    enable_private_nodes = true
  }
  release_channel {
    channel = "REGULAR"
  }
  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }
  gateway_api_config {
    channel = "CHANNEL_STANDARD"
  }
  lifecycle {
    ignore_changes = [initial_node_count, node_config]
  }
  timeouts {
    create = "45m"
  }
  depends_on = [google_compute_router_nat.this]
}

resource "google_container_node_pool" "this" {
  name               = "default"
  cluster            = google_container_cluster.this.id
  initial_node_count = ceil(var.nodes_min / length(var.zones))
  autoscaling {
    total_min_node_count = var.nodes_min
    total_max_node_count = var.nodes_max
    location_policy      = "BALANCED"
  }
  node_config {
    machine_type    = var.node_size
    service_account = google_service_account.node.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
  }
  lifecycle {
    ignore_changes = [initial_node_count]
  }
  depends_on = [google_project_iam_member.node]
}
