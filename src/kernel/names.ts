/** Name of a cluster in the config: lower case, letter first. */
export type ClusterName = string;
export type Cloud = 'aws' | 'azure' | 'gcp' | 'existing';

/** Prefix of every label and annotation the product writes. */
export const LABEL_PREFIX = 'tradewind.dev';
