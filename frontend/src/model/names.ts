/** Why the API would not take a name that stands in addresses; null where it would, and while nothing is written. */
export function nameProblem(name: string): string | null {
  if (/^([a-z0-9][a-z0-9_-]{0,62})?$/.test(name.trim())) return null;
  return "Only a-z, 0-9, - and _, at most 63";
}
