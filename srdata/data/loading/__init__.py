"""`Loader`: from items, in files or kept in memory, to batches on the device.

batch               `Batch`: what a loader yields
dataloader_form     a loader as a DataLoader of torch
device_stream       batches read for a device, and finished there while another one is used
epoch_plan          which batches an epoch has, what is in each, and reading it
finish              from crops to what the network gets: floats, degraded, augmented, in its range
in_memory           whole images kept on the host or on the device
item_scores         how hard each item is, for batches that say so
kept_images         the images of one loader, where its residency has them
loader              `Loader`, its settings, and where it stands
model_input         colour, range, type and memory format of what the network gets
multi_loader        `Alternating` and `Unpaired`: several loaders as one
online_degradation  the settings by which LR is made of HR crops
online_lr           LR that is made of HR crops instead of being read
order_digest        what decides which item comes when, by which a state knows where it belongs
prefetch            batches ahead of their use: in line, by threads, by processes
residency           where a loader has its images: mapped shards, host or device
"""
