export function Logo() {
  return (
    <svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="var(--accent)" />
      <path d="M7 9h12M11 16h14M11 23h7" stroke="var(--on-accent)" strokeWidth="3.4" strokeLinecap="round" />
    </svg>
  );
}
