/** `17 min`, `3 h`, `2 d`. */
export function age(ms: number): string {
  const min = Math.max(0, Math.round(ms / 60_000));
  if (min < 120) return `${min} min`;
  return min < 2880 ? `${Math.round(min / 60)} h` : `${Math.round(min / 1440)} d`;
}
