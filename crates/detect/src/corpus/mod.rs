//! Registered documents: fingerprints by which a copied paragraph is known again, and exact
//! matches of registered rows. Next: `mark`.
