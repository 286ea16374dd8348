-- Whether others learn what this user has read. Receipts are reciprocal: both must have them on.
ALTER TABLE public.users ADD COLUMN read_receipts boolean NOT NULL DEFAULT true;
