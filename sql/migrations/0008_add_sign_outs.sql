-- The last sign-out on all devices. Tokens of earlier sign-ins are refused.
ALTER TABLE public.users ADD COLUMN signed_out_at timestamptz;
