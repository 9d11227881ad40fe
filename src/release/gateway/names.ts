/** Name of the gateway's app, class and account in every cluster. */
export const GATEWAY_NAME = 'tradewind-gateway';
/** Labels of everything of the gateway; its pods are found by them, and Traefik serves classes with them only. */
export const GATEWAY_LABELS = {
  'app.kubernetes.io/name': GATEWAY_NAME,
  'app.kubernetes.io/part-of': 'tradewind',
} as const;
/** Where Traefik tells its counters, inside the cluster only. */
export const METRICS_PORT = 8080;
