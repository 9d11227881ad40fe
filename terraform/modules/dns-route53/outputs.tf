output "zone" {
  description = "What the parent zone must delegate to."
  value = {
    id           = aws_route53_zone.this.zone_id
    domain       = aws_route53_zone.this.name
    name_servers = aws_route53_zone.this.name_servers
  }
}
