export function LeaveIcon() {
  return (
    <svg className="cruddur-icon cruddur-mirrored" viewBox="0 0 24 24" aria-hidden="true">
      <path d="M14 4H6a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h8M11 12h9M16.5 8.5 20 12l-3.5 3.5" />
    </svg>
  );
}
