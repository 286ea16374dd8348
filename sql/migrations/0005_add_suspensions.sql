-- Since when a user may not use the API; null for all others. Other users still see a suspended one.
ALTER TABLE public.users ADD COLUMN suspended_at timestamptz;
