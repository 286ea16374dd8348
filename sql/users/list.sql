-- Every user, by handle. (For the local stack; a deployment has no route for it.)
SELECT uuid, handle, display_name
FROM public.users
ORDER BY lower(handle)
