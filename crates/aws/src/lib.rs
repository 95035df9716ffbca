//! AWS: clients, one file per resource type, and their catalogue.
