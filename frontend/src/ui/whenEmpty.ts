interface Asked {
  isPending: boolean;
  isError: boolean;
}

/** What a list without rows says: it cannot know that there is `nothing` before it was answered. */
export function whenEmpty({ isPending, isError }: Asked, what: string, nothing: string): string {
  if (isPending) return `Loading ${what}…`;
  return isError ? `Could not load ${what}.` : nothing;
}
