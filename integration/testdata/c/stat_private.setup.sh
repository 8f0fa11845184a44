# What of the host everybody may read, and what only its owner may.
mkdir -p shared/open shared/private/sub shared/secretive shared/listed
for f in shared/open/all shared/private/all shared/private/sub/all shared/secretive/all shared/listed/all; do echo content > $f; done
echo content > shared/open/mine
printf '#!/bin/sh\necho ran\n' > shared/open/run
cp shared/open/run shared/open/runmine
cp shared/open/run shared/private/run
cp /bin/true shared/open/unreadable
ln -s ../private/all shared/open/into
ln -s ../open/all shared/private/out
ln -s ../../open shared/private/sub/outdir
ln -s shared/private/all into
ln -s shared/private/out through
chmod 600 shared/open/mine
chmod 755 shared/open/run shared/private/run
chmod 700 shared/open/runmine shared/private
chmod 711 shared/open/unreadable shared/secretive
chmod 744 shared/listed
