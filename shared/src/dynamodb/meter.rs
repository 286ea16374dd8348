//! Request units, as reported by DynamoDB.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::{
    operation::{
        batch_get_item::{BatchGetItemInput, BatchGetItemOutput},
        delete_item::{DeleteItemInput, DeleteItemOutput},
        get_item::{GetItemInput, GetItemOutput},
        put_item::{PutItemInput, PutItemOutput},
        query::{QueryInput, QueryOutput},
        scan::{ScanInput, ScanOutput},
        transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput},
        update_item::{UpdateItemInput, UpdateItemOutput},
    },
    types::{ConsumedCapacity, ReturnConsumedCapacity},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef},
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::ConfigBag;

use crate::invocation;

/// Read and write request units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Read request units. A consistent read of up to 4 KB costs one.
    pub read: f64,
    /// Write request units. A write of up to 1 KB costs one.
    pub write: f64,
}

/// An SDK interceptor that counts request units, per meter and per invocation. Clones of a meter share one count.
///
/// DynamoDB reports units only for successful calls. A refused write costs units too, but they are not counted.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Mutex<Units>>);

impl Meter {
    /// The units counted so far.
    #[must_use]
    pub fn units(&self) -> Units {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, read: bool, consumed: &[ConsumedCapacity]) {
        let sum = consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum::<f64>();
        let cost = if read { Units { read: sum, write: 0.0 } } else { Units { read: 0.0, write: sum } };
        invocation::consumed(cost);
        let mut units = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        units.read += cost.read;
        units.write += cost.write;
    }
}

/// Sets `ReturnConsumedCapacity` on an input of one of these types.
macro_rules! return_consumed_capacity {
    ($input:expr => $($kind:ty),+) => {
        $(if let Some(input) = $input.downcast_mut::<$kind>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        })+
    };
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "Meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        return_consumed_capacity!(input => GetItemInput, BatchGetItemInput, QueryInput, ScanInput);
        return_consumed_capacity!(input => PutItemInput, DeleteItemInput, UpdateItemInput, TransactWriteItemsInput);
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Ok(output)) = context.output_or_error() else { return Ok(()) };
        let read = |consumed: &Option<ConsumedCapacity>| self.count(true, consumed.as_slice());
        let write = |consumed: &Option<ConsumedCapacity>| self.count(false, consumed.as_slice());
        if let Some(output) = output.downcast_ref::<GetItemOutput>() {
            read(&output.consumed_capacity);
        } else if let Some(output) = output.downcast_ref::<QueryOutput>() {
            read(&output.consumed_capacity);
        } else if let Some(output) = output.downcast_ref::<ScanOutput>() {
            read(&output.consumed_capacity);
        } else if let Some(output) = output.downcast_ref::<BatchGetItemOutput>() {
            self.count(true, output.consumed_capacity());
        } else if let Some(output) = output.downcast_ref::<PutItemOutput>() {
            write(&output.consumed_capacity);
        } else if let Some(output) = output.downcast_ref::<DeleteItemOutput>() {
            write(&output.consumed_capacity);
        } else if let Some(output) = output.downcast_ref::<UpdateItemOutput>() {
            write(&output.consumed_capacity);
        } else if let Some(output) = output.downcast_ref::<TransactWriteItemsOutput>() {
            self.count(false, output.consumed_capacity());
        }
        Ok(())
    }
}
