//! Classification marks: banner lines and labels by which a document says its own level.
//! Next: `corpus`.
