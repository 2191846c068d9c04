-- Which versions of HTTP a connection offers: auto or http1.
ALTER TABLE connections ADD COLUMN protocol TEXT NOT NULL DEFAULT 'auto';
