mkdir -p d/sub; echo x > d/f; ln -s f d/in; ln -s ../prog d/out; ln -s /usr d/abs; ln -s sub d/dirlink; echo y > d/sub/g
