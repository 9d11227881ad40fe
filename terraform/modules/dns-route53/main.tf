# The fleet's zone. Hosts with traffic intent are delegated to the nameservers in the clusters.

resource "aws_route53_zone" "this" {
  name    = var.domain
  comment = "Fleet ${var.fleet}"
}

# Glue: the addresses of the nameservers, static in every cloud.
resource "aws_route53_record" "nameserver" {
  for_each = var.nameservers
  zone_id  = aws_route53_zone.this.zone_id
  name     = "ns-${each.key}.${var.domain}"
  type     = "A"
  ttl      = 300
  records  = [each.value]
}

resource "aws_route53_record" "host" {
  for_each = toset(var.hosts)
  zone_id  = aws_route53_zone.this.zone_id
  name     = each.key
  type     = "NS"
  ttl      = 300
  records  = [for cluster in sort(keys(var.nameservers)) : "ns-${cluster}.${var.domain}."]
}
