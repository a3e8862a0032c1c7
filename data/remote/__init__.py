"""A store whose artifacts lie on an object store (S3); the folder on this machine is a cache of it."""
