//! Object stores as sinks: S3, whatever speaks its protocol, and COS. The only folder that may import
//! `object_store`.
//!
//! A part of up to 64 MiB is one PUT, which is there whole or not at all. A larger one is a multipart upload of at most four
//! pieces at a time, whose id is told to the watcher before the first piece goes, so that what a killed program left can be
//! cleared away. What a server does with a request to create and never replace differs from server to server: where nothing
//! says that a name was taken, `Sink::put_new` has at least looked before.

mod answers;
mod bucket;
mod credentials;
mod errors;
mod s3;

pub use bucket::Bucket;
pub(crate) use s3::KNOWN as OPTIONS;
pub(crate) use s3::{check, create_bucket, open, place};
