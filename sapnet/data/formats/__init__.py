"""Files of other annotation tools: clicks, boxes and masks read, masks written for them."""
