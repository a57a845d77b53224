"""The lens: what each layer did to a picture, as frozen records and pure renderers of them."""
